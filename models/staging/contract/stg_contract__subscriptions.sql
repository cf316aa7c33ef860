{{ read_landing_table('subscriptions') }}
