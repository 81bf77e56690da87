-- wrk builds the request once from these, so the script costs nothing while it runs.
wrk.method = 'POST'
wrk.headers['content-type'] = 'application/octet-stream'
wrk.body = string.rep('x', 10240)
