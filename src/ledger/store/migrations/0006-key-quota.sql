-- A budget that an API key has of its own: {"capacity": "$5.00", "rate": "$5.00/month"}.

ALTER TABLE keys ADD COLUMN quota TEXT;
