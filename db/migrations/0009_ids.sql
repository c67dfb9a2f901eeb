-- Ids that cost a microsecond. The builtin, and gen_random_uuid(), ask the system for strong random bits each time: five microseconds where Postgres was
-- built without OpenSSL, and every event, execution and row has an id. Ours are names, not secrets; a session's generator is seeded strongly.
--
-- RFC 9562 version 7: 48 bits of Unix milliseconds, the version, 12 bits of the fraction of a millisecond (method 3), the variant, 62 random bits.

DO $do$
DECLARE
    -- The variant is in the upper two bits: a bigint between 0x8000000000000000 and 0xBFFFFFFFFFFFFFFF.
    tail text := CASE WHEN current_setting('server_version_num')::int >= 170000
        THEN 'random(-9223372036854775808, -4611686018427387905)'
        ELSE '(-9223372036854775808 + (random() * 2147483647)::bigint * 2147483648 + (random() * 2147483647)::bigint)' END;
BEGIN
    EXECUTE format($fn$
        CREATE OR REPLACE FUNCTION app.uuidv7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL RESTRICTED AS $body$
            SELECT (overlay(lpad(to_hex((date_part('epoch', clock_timestamp()) * 4096000)::bigint), 15, '0') PLACING '7' FROM 13 FOR 0)
                    || to_hex(%s))::uuid
        $body$
    $fn$, tail);
END
$do$;
