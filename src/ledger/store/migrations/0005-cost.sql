-- What a cost is made of, beside the tokens that the ledger had from the beginning.
ALTER TABLE usage ADD COLUMN cache_write_tokens INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage ADD COLUMN tool_calls INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage ADD COLUMN web_searches INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage ADD COLUMN images INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage ADD COLUMN audio_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage ADD COLUMN cost_basis TEXT;
