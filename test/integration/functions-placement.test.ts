import { writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { deadUrl, fakeCloud, signatureHolds } from '../support/functions/fake-clouds.ts'
import { functionYaml, startFunctionMesh } from '../support/functions/mesh.ts'
import { call, eventually } from '../support/mesh.ts'
import { WeftProcess } from '../support/process.ts'

const key = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example' }
process.env['AWS_ACCESS_KEY_ID'] = key.accessKeyId
process.env['AWS_SECRET_ACCESS_KEY'] = key.secretAccessKey

/** `lines`: of `spec.placement`. */
function placed(lines: string): string {
  return `\n  placement:\n${lines.trim().replaceAll(/^ */gm, '    ')}`
}

const lambda = (url: string, more = ''): string =>
  `{ name: aws, kind: aws-lambda, region: eu-west-1, function: echo, endpoint: '${url}'${more} }`

async function explain(t: Test, admin: number, ...options: string[]) {
  const command = ['placement', 'explain', 'echo', '--admin', `http://127.0.0.1:${admin}`]
  await using program = new WeftProcess([...command, ...options], t.testdirName)
  const { code } = await program.exited
  return { code, output: program.output }
}

t.test('a call goes to AWS Lambda, signed, and its outcome comes back', async t => {
  const cloud = await fakeCloud(t, ({ body }) => {
    const event = JSON.parse(body.toString()) as { fail?: boolean }
    if (event.fail !== true) return { body: JSON.stringify({ statusCode: 201, body: 'far' }) }
    const fault = { errorType: 'Far', errorMessage: 'broken' }
    return { headers: { 'x-amz-function-error': 'Unhandled' }, body: JSON.stringify(fault) }
  })
  const mesh = await startFunctionMesh(t, placed(`backends: [${lambda(cloud.url)}]`))
  cloud.asked.length = 0
  t.match(await mesh.call({ path: '/x?a=1' }), { status: 201, body: 'far' })
  const [asked] = cloud.asked
  t.match(asked?.url, /^\/2015-03-31\/functions\/echo\/invocations/)
  t.match(JSON.parse(String(asked?.body)), { version: '2.0', rawPath: '/x', rawQueryString: 'a=1' })
  if (asked !== undefined) t.ok(await signatureHolds(asked, key, 'eu-west-1'))
  const failed = await mesh.invoke({ fail: true })
  t.equal(failed.headers['x-amz-function-error'], 'Unhandled')
  t.match(JSON.parse(failed.body), { errorType: 'Far' })
})

t.test('a server elsewhere gets the request as it came, and answers for itself', async t => {
  const cloud = await fakeCloud(t, () => ({
    status: 418,
    headers: { 'content-type': 'text/plain', 'x-own': '1', 'set-cookie': ['a=1', 'b=2'] },
    body: 'short and stout',
  }))
  const url = `${cloud.url}/base`
  const mesh = await startFunctionMesh(
    t,
    placed(`backends: [{ name: far, kind: http, region: eu-1, url: '${url}' }]`),
  )
  cloud.asked.length = 0
  const answer = await mesh.call({
    method: 'PUT',
    path: '/pot?size=small',
    body: 'water',
    headers: { 'x-mine': 'yes' },
  })
  t.match(answer, { status: 418, body: 'short and stout', headers: { 'x-own': '1' } })
  t.same(answer.headers['set-cookie'], ['a=1', 'b=2'])
  const [asked] = cloud.asked
  t.match(asked, { method: 'PUT', url: '/base/pot?size=small', headers: { 'x-mine': 'yes' } })
  t.equal(String(asked?.body), 'water')
  t.same(
    Object.keys(asked?.headers ?? {}).filter(name => name.startsWith('x-weft-')),
    [],
  )
})

t.test('where one place does not take a call the next one does', async t => {
  const busy = await fakeCloud(t, () => ({
    status: 429,
    headers: { 'x-amzn-errortype': 'TooManyRequestsException', 'retry-after': '0' },
    body: '{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded"}',
  }))
  const mesh = await startFunctionMesh(
    t,
    placed(`
      backends:
      - { name: gone, kind: http, url: '${await deadUrl()}' }
      - ${lambda(busy.url)}
      - { name: here, kind: local }`),
  )
  const answer = await mesh.invoke({ action: 'say', text: 'x' })
  t.match(answer, { status: 200, body: '"said"' })
  t.ok(busy.asked.length > 0)
})

t.test('what may have run elsewhere is not run again', async t => {
  const cloud = await fakeCloud(t, () => 'reset')
  const mesh = await startFunctionMesh(
    t,
    placed(`backends: [${lambda(cloud.url)}, { name: here, kind: local }]`),
  )
  const { status, headers } = await mesh.invoke({ action: 'say', text: 'x' })
  t.equal(status, 502)
  t.equal(headers['x-weft-reason'], 'function_backend_failed')
})

t.test('data stays in its region, and the answer says why nobody gets it', async t => {
  const cloud = await fakeCloud(t, () => ({ body: '"far"' }))
  const mesh = await startFunctionMesh(
    t,
    placed(`residency: ['eu-*']\nbackends: [${lambda(cloud.url)}]`),
  )
  t.match(await mesh.invoke({}), { status: 200, body: '"far"' })
  const fine = await explain(t, mesh.host.ports.admin)
  t.match(fine, { code: 0, output: /^echo goes to aws: the first that can be used/ })

  // What was good when it was written is refused when it is no longer, and changes nothing.
  mesh.configure(placed(`residency: ['us-*']\nbackends: [${lambda(cloud.url)}]`))
  const { problems } = await eventually(
    () => mesh.mesh.control.status().configuration,
    status => status.problems.length > 0,
  )
  t.match(problems[0], { message: /aws: region eu-west-1 is not allowed \(allowed: us-\*\)/ })
  t.match(await mesh.invoke({}), { status: 200 })

  // All weights 0 keep everybody out at the pick.
  mesh.configure(placed(`backends: [${lambda(cloud.url, ', weight: 0')}]`))
  const refused = await eventually(
    () => mesh.invoke({}),
    ({ status }) => status !== 200,
  )
  t.match(refused, { status: 503, headers: { 'x-weft-reason': 'function_not_placed' } })
  t.match(JSON.parse(refused.body), { message: /aws: weight \(its weight is 0\)/ })
  t.match(await explain(t, mesh.host.ports.admin), { code: 1, output: /goes to nobody/ })
})

t.test('a function moves from here to a cloud by weights, and nobody notices', async t => {
  const cloud = await fakeCloud(t, () => ({ body: '"said"' }))
  const shares = (here: number, far: number): string =>
    placed(`
      policy: weighted
      backends:
      - { name: here, kind: local, weight: ${here} }
      - ${lambda(cloud.url, `, weight: ${far}`)}`)
  const mesh = await startFunctionMesh(t, shares(1, 0))
  const failures: unknown[] = []
  let calls = 0
  let ended = false
  const load = async (): Promise<void> => {
    while (!ended) {
      const answer = await mesh.invoke({ action: 'say', text: 'x' })
      calls++
      if (answer.body !== '"said"') failures.push(answer)
    }
  }
  const loads = [load(), load(), load()]
  for (const far of [1, 9]) {
    const before = cloud.asked.length
    mesh.configure(shares(10 - far, far))
    await eventually(
      () => cloud.asked.length,
      asked => asked > before + 10,
    )
  }
  mesh.configure(shares(0, 1))
  await eventually(
    async () => JSON.parse((await explain(t, mesh.host.ports.admin, '--json')).output),
    ({ candidates }) => candidates[0].weight === 0,
  )
  const admin = mesh.host.ports.admin
  const invocations = async (): Promise<number> =>
    JSON.parse((await call(admin, { path: '/function' })).body).versions[0].invocations
  await eventually(
    async () => [await invocations(), await invocations()] as const,
    ([one, other]) => one === other,
  )
  ended = true
  await Promise.all(loads)
  t.same(failures, [])
  t.ok(calls > 50)
})

t.test('events of nobody go elsewhere too, and are tried again by the queue', async t => {
  let failing = true
  const cloud = await fakeCloud(t, () => (failing ? { status: 500 } : { body: '"far"' }))
  const mesh = await startFunctionMesh(
    t,
    `  asynchronous: { retries: 2, backoff: 10ms }${placed(`backends: [${lambda(cloud.url)}]`)}`,
  )
  const queued = await mesh.invoke({ a: 1 }, { 'x-amz-invocation-type': 'Event' })
  t.equal(queued.status, 202)
  await eventually(
    () => cloud.asked.length,
    asked => asked > 0,
  )
  failing = false
  await eventually(
    async () => JSON.parse((await call(mesh.host.ports.admin, { path: '/function' })).body),
    ({ events }) => events.delivered === 1 && events.depth === 0,
  )
})

t.test('a function without code of its own needs none', async t => {
  const cloud = await fakeCloud(t, () => ({ body: '"far"' }))
  const document = `
apiVersion: weft.dev/v1alpha1
kind: Function
metadata: { name: echo }
spec:
  placement: { backends: [${lambda(cloud.url)}] }
`
  const mesh = await startFunctionMesh(t, { document })
  t.match(await mesh.invoke({}), { status: 200, body: '"far"' })
  writeFileSync(mesh.mesh.configPath, functionYaml('echo'))
})
