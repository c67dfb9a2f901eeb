-- refresh --
-- Ten tables at most.
CALL app.analyze_grown()
