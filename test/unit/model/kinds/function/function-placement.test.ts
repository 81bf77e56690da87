import t from 'tap'
import { placement } from '../../../../../src/model/kinds/function/function-placement.ts'
import { checkFaults, checkTaken } from '../../schemas.ts'

const lambda = { name: 'aws', kind: 'aws-lambda', region: 'eu-west-1', function: 'hello' }
const url = 'https://far.example/run'

const document = {
  backends: [
    { name: 'here', kind: 'local' },
    lambda,
    { name: 'run', kind: 'cloud-run', url },
    { name: 'azure', kind: 'azure-function', url },
    { name: 'far', kind: 'http', url },
  ],
}

t.test('what a placement says nothing of', async t => {
  const parsed = placement.parse(document)
  t.match(parsed, {
    policy: 'failover',
    residency: undefined,
    encryption: undefined,
    requireEncryption: 'never',
    cost: {
      weights: { cost: 1, latency: 1, errors: 10 },
      latencySlo: 200,
      exploration: 0.02,
      switchMargin: 0.1,
      switchAfter: 30_000,
    },
  })
  const own = { weight: 1, price: undefined }
  const remote = { ...own, timeoutMs: 30_000, responseMode: 'buffered', allowPlainHttp: false }
  const server = { ...remote, region: undefined, url }
  t.strictSame(parsed.backends, [
    { ...own, name: 'here', kind: 'local' },
    {
      ...remote,
      name: 'aws',
      kind: 'aws-lambda',
      region: 'eu-west-1',
      functionName: 'hello',
      qualifier: undefined,
      endpoint: undefined,
      streamContentType: undefined,
    },
    { ...server, name: 'run', kind: 'cloud-run', audience: undefined, passAuthorization: false },
    { ...server, name: 'azure', kind: 'azure-function', keyFile: undefined },
    { ...server, name: 'far', kind: 'http', tokenFile: undefined },
  ])
})

t.test('what is said is taken', async t => {
  const { backends } = placement.parse({
    backends: [
      {
        ...lambda,
        qualifier: 'live',
        endpoint: 'https://vpce.example',
        streamContentType: 'text/plain',
        streaming: true,
        timeout: '9s',
        allowPlainHttp: true,
        weight: 7,
        price: { perMillionCalls: 0.2 },
      },
      {
        name: 'run',
        kind: 'cloud-run',
        url,
        region: 'eu',
        audience: 'me',
        passAuthorization: true,
      },
      { name: 'azure', kind: 'azure-function', url, keyFile: '/key' },
      { name: 'far', kind: 'http', url, tokenFile: '/token' },
    ],
  })
  t.match(backends, [
    {
      qualifier: 'live',
      endpoint: 'https://vpce.example',
      streamContentType: 'text/plain',
      responseMode: 'streaming',
      timeoutMs: 9000,
      allowPlainHttp: true,
      weight: 7,
      price: {
        perMillionCalls: 0.2,
        perGbSecond: 0,
        perVcpuSecond: 0,
        vcpus: 0,
        memoryMib: 128,
        granularityMs: 1,
        egressPerGb: 0,
      },
    },
    { region: 'eu', audience: 'me', passAuthorization: true },
    { keyFile: '/key' },
    { tokenFile: '/token' },
  ])
})

t.test('each kind has the fields that it needs, and no others', async t => {
  const needed = [
    ['backends.1.region', 'aws-lambda'],
    ['backends.1.function', 'aws-lambda'],
    ['backends.2.url', 'cloud-run'],
    ['backends.3.url', 'azure-function'],
    ['backends.4.url', 'http'],
  ] as const
  for (const [path, kind] of needed)
    checkFaults(t, placement, document, [[path, undefined, new RegExp(`^is needed by ${kind}$`)]])
  const values = {
    region: 'eu-1',
    timeout: '1s',
    streaming: true,
    allowPlainHttp: true,
    function: 'f',
    qualifier: 'q',
    endpoint: url,
    streamContentType: 'text/plain',
    url,
    audience: 'a',
    passAuthorization: true,
    keyFile: 'k',
    tokenFile: 't',
  }
  const common = ['region', 'timeout', 'streaming', 'allowPlainHttp']
  const shapes: readonly (readonly [string, readonly string[]])[] = [
    ['local', []],
    ['aws-lambda', [...common, 'function', 'qualifier', 'endpoint', 'streamContentType']],
    ['cloud-run', [...common, 'url', 'audience', 'passAuthorization']],
    ['azure-function', [...common, 'url', 'keyFile']],
    ['http', [...common, 'url', 'tokenFile']],
  ]
  for (const [index, [kind, allowed]] of shapes.entries())
    for (const [field, value] of Object.entries(values)) {
      const path = `backends.${index}.${field}`
      if (allowed.includes(field)) checkTaken(t, placement, document, [[path, value]])
      else
        checkFaults(t, placement, document, [
          [path, value, new RegExp(`^${kind} has no such field$`)],
        ])
    }
})

t.test('each field of a backend has its bounds', async t => {
  checkFaults(t, placement, document, [
    ['backends.0.name', 'Here', /lower-case/],
    ['backends.0.kind', 'gcf', /local/],
    ['backends.0.weight', -1, /0/],
    ['backends.0.weight', 1.5, /int/],
    ['backends.0.weight', 1_000_001, /1000000/],
    ['backends.0.cost', 1, /cost/, 'backends.0'],
    ['backends.1.region', '', /./],
    ['backends.1.region', 'x'.repeat(101), /100/],
    ['backends.1.function', 'x'.repeat(257), /256/],
    ['backends.1.qualifier', '', /./],
    ['backends.1.qualifier', 'x'.repeat(129), /128/],
    ['backends.1.endpoint', 'aws', /must be a URL/],
    ['backends.1.timeout', '0s', /longer/],
    ['backends.2.url', 'ftp://a', /must be a URL/],
    ['backends.2.url', 'far.example', /must be a URL/],
    ['backends.2.audience', '', /./],
    ['backends.3.keyFile', '', /./],
    ['backends.4.tokenFile', '', /./],
    ['backends.4.price', { perGbSecond: -1 }, /0/, 'backends.4.price.perGbSecond'],
    ['backends.4.price', { granularityMs: 0 }, /1/, 'backends.4.price.granularityMs'],
    ['backends.4.price', { perCall: 1 }, /perCall/],
    ['backends.1.name', 'here', /^here comes twice$/],
    ['backends', [], /1/],
    ['backends', Array.from({ length: 21 }, (_, n) => ({ name: `n${n}`, kind: 'local' })), /20/],
  ])
  checkTaken(t, placement, document, [
    ['backends.0.weight', 0],
    ['backends.0.weight', 1_000_000],
    ['backends.1.function', 'x'.repeat(256)],
  ])
})

t.test('and so has each of the policy', async t => {
  checkFaults(t, placement, document, [
    ['policy', 'cheapest', /failover/],
    ['cost.weights.cost', -1, /0/],
    ['cost.weights.speed', 1, /speed/, 'cost.weights'],
    ['cost.latencySlo', '0s', /longer/],
    ['cost.exploration', 0.06, /0\.05/],
    ['cost.exploration', -0.01, /0/],
    ['cost.switchMargin', 1.1, /1/],
    ['cost.switchAfter', '0s', /longer/],
    ['residency', [], /1/],
    ['residency.0', '', /./],
    ['residency.0', 'x'.repeat(101), /100/],
    ['region', 'eu', /region/, ''],
  ])
  checkTaken(t, placement, document, [
    ['policy', 'weighted'],
    ['policy', 'cost'],
    ['cost.exploration', 0],
    ['cost.exploration', 0.05],
    ['residency', ['eu-*', 'local']],
  ])
})

t.test('what has to be encrypted needs a key', async t => {
  const encryption = { keyFile: '/key', keyId: 'k1' }
  for (const rule of ['leaving-region', 'always']) {
    checkFaults(t, placement, document, [['requireEncryption', rule, /^needs a key/]])
    checkTaken(t, placement, { ...document, encryption }, [['requireEncryption', rule]])
  }
  t.equal(placement.parse({ ...document, encryption }).encryption?.answers, true)
  checkFaults(t, placement, { ...document, encryption }, [
    ['encryption.keyFile', '', /./],
    ['encryption.keyFile', undefined, /string/],
    ['encryption.keyId', 'x'.repeat(101), /100/],
    ['encryption.key', 'secret', /key/, 'encryption'],
    ['requireEncryption', 'sometimes', /never/],
  ])
})
