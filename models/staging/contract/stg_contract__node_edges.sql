{{ read_landing_table('node_edges') }}
