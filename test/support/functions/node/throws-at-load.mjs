throw new Error('no database at the start')
