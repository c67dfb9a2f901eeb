-- Dead letters that were replayed together carry the replay's id: what of it still waits can be taken back.
ALTER TABLE app.dead_letters ADD COLUMN replay_id uuid;
CREATE INDEX dead_letters_replay ON app.dead_letters (tenant_id, replay_id) WHERE replay_id IS NOT NULL;
