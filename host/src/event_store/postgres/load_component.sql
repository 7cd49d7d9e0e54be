SELECT component FROM reducers WHERE digest = $1
