// Tokens (JWT) of callers, verified by the sidecar of the service, and what policies make of them.
import type http from 'node:http'
import { SignJWT } from 'jose'
import t, { type Test } from 'tap'
import { call, eventually, startApplication } from '../support/mesh.ts'
import { TestIssuer } from '../support/issuer.ts'
import { policyYaml, startPolicedMesh, type PolicedRequest } from '../support/policed-mesh.ts'

const authenticationYaml = (rules: string): string => `---
apiVersion: weft.dev/v1alpha1
kind: RequestAuthentication
metadata: { name: tokens }
spec: { selector: { matchLabels: { app: orders } }, jwtRules: [${rules}] }
`

const echo: http.RequestListener = (request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const { url: path, headers } = request
    const body = Buffer.concat(chunks).toString()
    response.end(JSON.stringify({ path, headers, length: body.length }))
  })
}

const issuerName = 'https://issuer.test'

/** Whose keys stand in the configuration. */
async function startFixed(t: Test, settings = '') {
  const issuer = await new TestIssuer(issuerName).rotate('one')
  const policed = await startPolicedMesh(t, echo)
  const jwks = JSON.stringify(issuer.jwks)
  await policed.apply(authenticationYaml(`{ issuer: "${issuerName}", jwks: ${jwks} ${settings} }`))
  const ask = (token?: string, request: PolicedRequest = {}) =>
    policed.ask('web', {
      ...request,
      headers: {
        ...request.headers,
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
    })
  return { ...policed, issuer, jwks, ask }
}

const now = (): number => Math.floor(performance.timeOrigin / 1000)

t.test('a good token passes, none is no fault, and a bad one is refused', async t => {
  const { issuer, ask, orders } = await startFixed(t)
  const good = await issuer.token()
  t.equal((await ask()).status, 200)
  t.equal((await ask(good)).status, 200)
  t.equal((await ask(good)).status, 200)
  const [head, , signature] = good.split('.')
  const payload = Buffer.from(JSON.stringify({ iss: issuerName, exp: now() + 9999 }))
  const forged = await new TestIssuer(issuerName).rotate('one')
  const none = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url')
  const bad = {
    'of nobody': await (await new TestIssuer('https://else.test').rotate('one')).token(),
    'with other claims': `${head}.${payload.toString('base64url')}.${signature}`,
    'by another key': await forged.token(),
    expired: await issuer.token({ exp: now() - 3600 }),
    'without an end': await issuer.token({}, { ends: false }),
    'not good yet': await issuer.token({ nbf: now() + 36_000 }),
    'without an algorithm': `${none}.${payload.toString('base64url')}.`,
    'signed by the public key': await new SignJWT({ iss: issuerName, exp: now() + 9999 })
      .setProtectedHeader({ alg: 'HS256', kid: 'one' })
      .sign(Buffer.from(JSON.stringify(issuer.jwks.keys[0]).padEnd(32))),
    'no token': 'abc',
    'too long': `${head}.${'a'.repeat(12_000)}`,
  }
  for (const [what, token] of Object.entries(bad)) {
    const answer = await ask(token)
    t.equal(answer.status, 401, what)
    t.equal(answer.headers['x-weft-reason'], 'unauthenticated')
    t.equal(answer.headers['www-authenticate'], 'Bearer error="invalid_token"')
  }
  const { body } = await call(orders.ports.admin, { path: '/metrics' })
  t.match(body, 'weft_authentication_tokens_total{result="verified"} 1')
  t.match(body, 'weft_authentication_tokens_total{result="cached"} 1')
  t.match(body, `weft_authentication_tokens_total{result="refused"} ${Object.keys(bad).length}`)
})

t.test('a token for somebody else is refused', async t => {
  const { issuer, ask } = await startFixed(t, ', audiences: [orders, shop]')
  t.equal((await ask(await issuer.token({ aud: ['x', 'shop'] }))).status, 200)
  t.equal((await ask(await issuer.token({ aud: 'payments' }))).status, 401)
  t.equal((await ask(await issuer.token())).status, 401)
})

t.test('policies ask for claims of verified tokens', async t => {
  const { issuer, ask, apply, jwks } = await startFixed(t)
  const authentication = authenticationYaml(`{ issuer: "${issuerName}", jwks: ${jwks} }`)
  const cases = [
    ['{ claim: iss, values: ["*"] }', {}, undefined],
    ['{ claim: groups, values: [admin, owner] }', { groups: ['x', 'admin'] }, { groups: ['x'] }],
    [
      '{ claim: [realm, roles], values: [a] }',
      { realm: { roles: ['a'] } },
      { 'realm.roles': ['a'] },
    ],
    ['{ claim: scope, values: [write] }', { scope: 'read write' }, { scope: 'read overwrite' }],
    ['{ claim: level, values: ["3"] }', { level: 3 }, { level: 30 }],
    ['{ claim: groups, notValues: [guest] }', { groups: ['a'] }, { groups: ['a', 'guest'] }],
  ] as const
  for (const [condition, good, bad] of cases) {
    await apply(authentication + policyYaml('claims', `{ rules: [{ when: [${condition}] }] }`))
    t.equal((await ask(await issuer.token(good))).status, 200, condition)
    t.equal((await ask(bad && (await issuer.token(bad)))).status, 403, condition)
    t.equal((await ask()).status, 403, `${condition} without a token`)
  }
})

t.test('a token can stand in another header or in the query, and is taken out there', async t => {
  const { issuer, policed, token } = await startElsewhere(t)
  const { ask } = policed
  const byHeader = JSON.parse(
    (await ask('web', { headers: { 'x-token': `JWT ${token}`, authorization: 'Bearer own' } }))
      .body,
  )
  t.equal(byHeader.headers['x-token'], undefined)
  t.equal(byHeader.headers['authorization'], 'Bearer own', "which is the application's business")
  t.equal(byHeader.headers['x-user'], 'ann')
  const byQuery = await ask('web', { path: `/a?b=c&access_token=${token}&d=e` })
  t.equal(JSON.parse(byQuery.body).path, '/a?b=c&d=e')
  const other = await issuer.token({ sub: 'bob' })
  const two = await ask('web', { path: `/a?access_token=${token}&access_token=${other}` })
  t.equal(two.status, 401)
  const forged = await ask('web', {
    headers: { 'x-user': 'root', x_user: 'root', 'X-USER': 'root' },
  })
  t.equal(JSON.parse(forged.body).headers['x-user'], undefined, 'nobody else sets the header')
  t.equal(JSON.parse(forged.body).headers['x_user'], undefined)
  const unseen = await ask('web', { headers: { x_token: 'JWT forged', X_Token: 'JWT forged' } })
  t.equal(JSON.parse(unseen.body).headers['x_token'], undefined, 'nor a token that nobody verified')
})

t.test('without rules a token is refused, whoever says to have made it', async t => {
  const { issuer, ask, apply } = await startFixed(t)
  await apply(authenticationYaml(''))
  const nobodys = await new TestIssuer('').rotate('one')
  for (const token of [await issuer.token(), await nobodys.token()])
    t.equal((await ask(token)).status, 401)
  t.equal((await ask()).status, 200)
})

async function startElsewhere(t: Test) {
  const issuer = await new TestIssuer(issuerName).rotate('one')
  const policed = await startPolicedMesh(t, echo)
  await policed.apply(
    authenticationYaml(
      `{ issuer: "${issuerName}", jwks: ${JSON.stringify(issuer.jwks)}, fromHeaders: [{ name: X-Token, prefix: "JWT " }],
        fromParams: [access_token], outputClaimToHeaders: [{ header: x-user, claim: sub }] }`,
    ),
  )
  return { issuer, policed, token: await issuer.token({ sub: 'ann' }) }
}

t.test('the application gets the token only where it shall', async t => {
  const { issuer, ask, apply, jwks } = await startFixed(t)
  const token = await issuer.token()
  t.equal(JSON.parse((await ask(token)).body).headers['authorization'], undefined)
  await apply(authenticationYaml(`{ issuer: "${issuerName}", jwks: ${jwks}, forward: true }`))
  t.equal(JSON.parse((await ask(token)).body).headers['authorization'], `Bearer ${token}`)
})

t.test('the body of a request that waits for its token is not lost', async t => {
  const { issuer, ask } = await startFixed(t)
  const body = 'x'.repeat(1_000_000)
  const answer = await ask(await issuer.token(), { method: 'POST', body })
  t.equal(JSON.parse(answer.body).length, body.length)
})

t.test('keys are fetched once, whatever tokens come', async t => {
  const issuer = await new TestIssuer(issuerName).rotate('one')
  let fetches = 0
  const keys = await startApplication(t, (_request, response) => {
    fetches++
    response.setHeader('cache-control', 'max-age=600')
    response.end(JSON.stringify(issuer.jwks))
  })
  const policed = await startPolicedMesh(t, echo)
  await policed.apply(
    authenticationYaml(`{ issuer: "${issuerName}", jwksUri: "http://127.0.0.1:${keys}/keys" }`),
  )
  const ask = async (token: string) =>
    (await policed.ask('web', { headers: { authorization: `Bearer ${token}` } })).status
  for (let i = 0; i < 5; i++) t.equal(await ask(await issuer.token({ jti: String(i) })), 200)
  t.equal(fetches, 1)
  const stranger = await new TestIssuer(issuerName).rotate('made up')
  for (let i = 0; i < 5; i++) t.equal(await ask(await stranger.token({ jti: String(i) })), 401)
  t.equal(fetches, 1, 'unknown keys do not make it ask again at once')
})

t.test(
  'keys that are known outlive a change of the policy, while their issuer is away',
  async t => {
    const issuer = await new TestIssuer(issuerName).rotate('one')
    let isAway = false
    const keys = await startApplication(t, (_request, response) => {
      response.statusCode = isAway ? 500 : 200
      response.end(JSON.stringify(issuer.jwks))
    })
    const policed = await startPolicedMesh(t, echo)
    const rule = `issuer: "${issuerName}", jwksUri: "http://127.0.0.1:${keys}/keys"`
    const ask = async () => {
      const token = await issuer.token({ sub: 'ann' })
      return policed.ask('web', { headers: { authorization: `Bearer ${token}` } })
    }
    await policed.apply(authenticationYaml(`{ ${rule} }`))
    t.equal((await ask()).status, 200)
    isAway = true
    const told = `outputClaimToHeaders: [{ header: x-user, claim: sub }]`
    await policed.apply(authenticationYaml(`{ ${rule}, ${told} }`))
    const { status, body } = await ask()
    t.equal(status, 200)
    t.equal(JSON.parse(body).headers['x-user'], 'ann')
  },
)

t.test('where a policy has no rules no token is believed, whatever holds elsewhere', async t => {
  const issuer = await new TestIssuer(issuerName).rotate('one')
  const { apply, ask } = await startPolicedMesh(t, echo)
  const rule = `{ issuer: "${issuerName}", jwks: ${JSON.stringify(issuer.jwks)} }`
  const admin = authenticationYaml(rule)
    .replace('name: tokens', 'name: admin')
    .replace(/selector: {.*} },/, 'targetRef: { name: admin },')
  const service = `---
apiVersion: v1
kind: Service
metadata: { name: admin }
spec: { selector: { app: orders }, ports: [{ port: 81, targetPort: 1 }] }
`
  const headers = { authorization: `Bearer ${await issuer.token()}` }
  await apply(service + admin)
  t.equal((await ask('web', { headers })).status, 200, 'which is the business of the application')
  await apply(
    service +
      admin +
      authenticationYaml('').replace(/selector: {.*} },/, 'targetRef: { name: orders },'),
  )
  t.equal((await ask('web', { headers })).status, 401)
})

t.test('without keys tokens are refused, and the reason is told', async t => {
  const keys = await startApplication(t, (_request, response) => {
    response.statusCode = 500
    response.end()
  })
  const issuer = await new TestIssuer(issuerName).rotate('one')
  const policed = await startPolicedMesh(t, echo)
  await policed.apply(
    authenticationYaml(`{ issuer: "${issuerName}", jwksUri: "http://127.0.0.1:${keys}/keys" }`),
  )
  const token = await issuer.token()
  const answer = await policed.ask('web', { headers: { authorization: `Bearer ${token}` } })
  t.equal(answer.status, 401)
  t.match(answer.body, `the keys of ${issuerName} can't be had now`)
  t.match(answer.body, 'answered 500')
  t.equal((await policed.ask('web')).status, 200, 'who has none is not concerned')
})

t.test('keys of an issuer within the mesh are fetched through the mesh', async t => {
  const issuer = await new TestIssuer(issuerName).rotate('one')
  let callers: string | undefined
  // The service is its own issuer: its sidecar calls itself, as any other.
  const handler: http.RequestListener = (request, response) => {
    if (request.url !== '/keys') return echo(request, response)
    callers = String(request.headers['x-forwarded-client-cert'])
    response.end(JSON.stringify(issuer.jwks))
  }
  const policed = await startPolicedMesh(t, handler)
  await policed.apply(
    authenticationYaml(`{ issuer: "${issuerName}", jwksUri: "http://orders.default:80/keys" }`),
  )
  const token = await issuer.token()
  const answer = await eventually(
    () => policed.ask('web', { headers: { authorization: `Bearer ${token}` } }),
    ({ status }) => status === 200,
  )
  t.equal(answer.status, 200)
  t.equal(callers, 'URI=spiffe://weft.local/ns/default/sa/orders')
})
