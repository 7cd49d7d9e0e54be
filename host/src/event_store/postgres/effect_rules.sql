SELECT effects FROM activations WHERE name = $1 AND generation = $2
