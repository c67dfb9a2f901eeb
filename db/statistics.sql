-- refresh --
-- Three tables at most.
CALL app.analyze_grown()
