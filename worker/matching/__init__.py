"""Who is who: likely duplicates are found, scored, merged or shown to a person."""
