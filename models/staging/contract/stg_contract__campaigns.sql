{{ read_landing_table('campaigns') }}
