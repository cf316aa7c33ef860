{{ read_landing_table('load_batches') }}
