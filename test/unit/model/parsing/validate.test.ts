import t from 'tap'
import { formatProblem } from '../../../../src/model/problem.ts'
import { parseDocuments } from '../../../../src/model/parsing/document.ts'
import { objectDocument } from '../../../../src/model/parsing/object-document.ts'
import { validateDocument, validateObject } from '../../../../src/model/parsing/validate.ts'

/** Of the only document in a file `mesh.yaml`. */
function problems(text: string): string[] {
  const { documents } = parseDocuments('mesh.yaml', text)
  return documents.flatMap(document => {
    const validation = validateDocument(document)
    return 'problems' in validation ? validation.problems.map(formatProblem) : []
  })
}

const service = `apiVersion: v1
kind: Service
metadata:
  name: orders
spec:
  ports:
    - port: 80`

t.test('a document becomes the resource of its kind', async t => {
  const [document] = parseDocuments('mesh.yaml', service).documents
  if (document === undefined) throw new Error('there is no document')
  t.match(validateDocument(document), {
    resource: { kind: 'Service', metadata: { name: 'orders' } },
  })
})

t.test('an unknown field is named with its place and the nearest known one', async t => {
  t.same(
    problems(`${service}\n      targetport: 8080\n  selectro: {}`),
    [
      'mesh.yaml:9:3 spec.selectro: unknown field; did you mean "selector"?',
      'mesh.yaml:8:7 spec.ports[0].targetport: unknown field; did you mean "targetPort"?',
    ].toReversed(),
  )
})

t.test('the nearest known field is found behind defaults, options and lists', async t => {
  const workload = `apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: { name: orders-1 }
spec:
  sidecar: { adminport: 1, dns: { prot: 53 } }
  upstreams: [{ servise: a, localPort: 1 }]
  healthCheck: { pth: / }
`
  const slice = `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: orders-1 }
addressType: IPv4
endpoints: [{ addresses: [10.0.0.1], conditions: { redy: true } }]
`
  t.match(problems(workload).toSorted(), [
    /spec.sidecar.adminport: unknown field; did you mean "adminPort"\?$/,
    /spec.sidecar.dns.prot: unknown field; did you mean "port"\?$/,
    /spec.upstreams\[0\].service: is missing$/,
    /spec.upstreams\[0\].servise: unknown field; did you mean "service"\?$/,
    /spec.healthCheck.pth: unknown field; did you mean "path"\?$/,
  ])
  t.match(problems(slice), [/conditions.redy: unknown field; did you mean "ready"\?$/])
})

t.test('an unknown field like no other comes with the list of those known', async t => {
  t.match(problems(`${service}\nfoo: 1`), [
    /^mesh.yaml:8:1 foo: unknown field; known here: apiVersion, kind, metadata, spec, status$/,
  ])
})

t.test('a missing field is said to be missing, where it should stand', async t => {
  t.same(problems('kind: Service\nmetadata:\n  labels: {}\nspec: {}'), [
    'mesh.yaml:1:1 apiVersion: is missing',
    'mesh.yaml:2:1 metadata.name: is missing',
    'mesh.yaml:4:1 spec.ports: needs a port, unless it is headless (clusterIP: None) or an ExternalName',
  ])
})

t.test('all problems of a document come at once', async t => {
  const text = `apiVersion: v2
kind: Service
metadata: { name: Orders, namspace: a }
spec:
  ports:
    - { port: 0 }
    - { port: 80, protocol: HTTP }
`
  t.same(
    problems(text).map(problem => problem.split(' ')[1]),
    [
      'apiVersion:',
      'metadata.name:',
      'metadata.namspace:',
      'spec.ports[0].port:',
      'spec.ports[1].protocol:',
    ],
  )
})

t.test('a kind that nobody knows comes with the nearest one', async t => {
  t.same(problems('kind: HttpRoute'), [
    'mesh.yaml:1:1 kind: unknown kind "HttpRoute"; did you mean "HTTPRoute"?',
  ])
  t.match(problems('a: 1\nkind: Deployment'), [
    /^mesh.yaml:2:1 kind: unknown kind "Deployment"; did you mean one of Service, .*Function.*\?$/,
  ])
  for (const kind of ['toString', 'hasOwnProperty'])
    t.match(problems(`kind: ${kind}`), [/unknown kind/])
})

t.test('a document without a kind is no resource', async t => {
  for (const text of ['a: 1', '[1]', 'text', '1', 'kind: 1', 'kind: [Service]'])
    t.match(problems(text), [
      /^mesh.yaml:1:1 a document needs apiVersion, kind, metadata and spec$/,
    ])
})

t.test('keys that reach a prototype are refused at any depth, all of them', async t => {
  t.same(problems(`${service}\nstatus: { a: [{ __proto__: 1 }], constructor: 2 }\nprototype: 3`), [
    'mesh.yaml:8:17 status.a[0].__proto__: this key is not allowed',
    'mesh.yaml:8:34 status.constructor: this key is not allowed',
    'mesh.yaml:9:1 prototype: this key is not allowed',
  ])
})

t.test('a value within itself is a problem or of no interest, but never the end', async t => {
  t.same(problems(`${service}\nstatus: &a [*a, { b: *a }]`), [])
  t.match(problems(`${service}\n      name: &a [*a]`), [/spec.ports\[0\].name: .*expected string/])
  t.match(problems('&a\nkind: Service\nmetadata: *a'), [/apiVersion: is missing/])
})

t.test('a document is nested a hundred levels at most', async t => {
  const nested = (levels: number) =>
    `${service}\nstatus: ${'['.repeat(levels)}${']'.repeat(levels)}`
  t.same(problems(nested(100)), [])
  t.same(problems(nested(101)), ['mesh.yaml:8:1 status: is nested over 100 levels deep'])
})

t.test('of thousands of problems the first hundred are worked out', async t => {
  const keys = Array.from({ length: 3000 }, (_, index) => `x${index}: 1`)
  t.equal(problems(`${service}\n${keys.join('\n')}`).length, 100)
  const labels = keys.map(key => `    ${key}`)
  t.equal(
    problems(service.replace('orders', `orders\n  labels:\n${labels.join('\n')}`)).length,
    100,
  )
  const poison = Array.from({ length: 3000 }, () => '{ __proto__: 1 }')
  t.equal(problems(`${service}\nstatus: [${poison.join(', ')}]`).length, 100)
})

t.test('a label may be called as what is elsewhere forbidden, but never __proto__', async t => {
  const labels = (keys: string) =>
    service.replace('  name: orders', `  name: orders\n  labels: ${keys}`)
  t.same(problems(labels('{ constructor: acme, prototype: x }')), [])
  const policy =
    'apiVersion: weft.dev/v1alpha1\nkind: AuthorizationPolicy\nmetadata: { name: a }\n' +
    'spec: { selector: { matchLabels: { constructor: acme } } }'
  t.same(problems(policy), [])
  t.match(problems(labels('{ __proto__: acme }')), [/metadata.labels.__proto__: this key is not/])
  t.match(problems(`${service}\n  selector: { a: { constructor: 1 } }`), [/constructor: this key/])
})

t.test("a status is nobody's to check, of whatever kind", async t => {
  const mesh = 'apiVersion: weft.dev/v1alpha1\nkind: Mesh\nmetadata: { name: shop }\nspec: {}'
  t.same(problems(`${mesh}\nstatus: { conditions: [] }`), [])
})

function objectProblems(value: object): string[] {
  const validation = validateObject(objectDocument('Service default/orders', value))
  if (!('problems' in validation)) return []
  return validation.problems.map(
    ({ file, line, path, message }) => `${file} ${line} ${path}: ${message}`,
  )
}

const object = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'orders' },
  spec: { ports: [{ port: 80 }] },
}

t.test('of an object of a cluster fields of newer versions are left out', async t => {
  const newer = {
    ...object,
    spec: { ports: [{ port: 80, flavour: 'x' }], colour: { a: 1 } },
    more: [],
  }
  const validation = validateObject(objectDocument('Service default/orders', newer))
  t.strictSame('resource' in validation && validation.resource, {
    ...object,
    metadata: { name: 'orders', namespace: 'default', labels: {} },
    spec: { ports: [{ port: 80, protocol: 'TCP' }] },
  })
})

t.test('everything else of it is checked as in files, and named by the object', async t => {
  t.same(objectProblems({ ...object, spec: { ports: [{ port: 0 }] } }), [
    'Service default/orders 0 spec.ports[0].port: Too small: expected number to be >=1',
  ])
  const poisoned = JSON.parse('{"__proto__":{"a":1}}') as object
  t.same(objectProblems({ ...object, spec: poisoned }), [
    'Service default/orders 0 spec.__proto__: this key is not allowed',
  ])
  t.match(objectProblems({ kind: 'Sirvice' }), [/unknown kind "Sirvice"/])
})

t.test('a match must not lose a condition that is not known here', async t => {
  const route = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: 'orders' },
    spec: {
      parentRefs: [{ kind: 'Service', name: 'orders' }],
      rules: [{ matches: [{ path: { value: '/' }, cookies: [{ name: 'a' }] }] }],
    },
  }
  t.match(objectProblems(route), [/ spec.rules\[0\].matches\[0\].cookies: is not supported yet$/])
})

t.test('nor may a filter do less than it says', async t => {
  const cors = { allowOrigins: ['*'], allowPrivateNetwork: false }
  const route = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: 'orders' },
    spec: {
      parentRefs: [{ kind: 'Service', name: 'orders' }],
      rules: [{ filters: [{ type: 'CORS', cors }] }],
    },
  }
  t.match(objectProblems(route), [
    / spec.rules\[0\].filters\[0\].cors.allowPrivateNetwork: is not supported yet$/,
  ])
})
