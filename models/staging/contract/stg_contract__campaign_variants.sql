{{ read_landing_table('campaign_variants') }}
