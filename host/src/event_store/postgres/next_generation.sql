-- The generation that comes behind all that a name had, and when this transaction began, which is when it is activated.
SELECT COALESCE((SELECT a.generation FROM activations a WHERE a.name = $1 ORDER BY a.generation DESC LIMIT 1), 0) + 1 AS "generation!",
       now() AS "activated_at!"
