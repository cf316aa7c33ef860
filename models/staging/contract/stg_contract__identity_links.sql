{{ read_landing_table('identity_links') }}
