{{ read_landing_table('journeys') }}
