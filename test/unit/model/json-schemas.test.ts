import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { jsonSchemas } from '../../../config/schemas/json-schemas.ts'

const folder = resolve(import.meta.dirname, '../../../config/schemas')

t.test(
  'the JSON Schemas on disk are those of the kinds: else run config/schemas/write.ts',
  async t => {
    const made = jsonSchemas()
    for (const [name, schema] of made)
      t.strictSame(JSON.parse(readFileSync(join(folder, name), 'utf8')), schema, name)
    t.same(
      readdirSync(folder).filter(name => name.endsWith('.json')),
      [...made.keys()].toSorted(),
    )
  },
)

t.test('each kind has a file of its name, and the one for all leads to each', async t => {
  const schemas = jsonSchemas()
  t.same([...schemas.keys()].toSorted(), [
    'authorization-policy.schema.json',
    'endpoint-slice.schema.json',
    'function.schema.json',
    'grpc-route.schema.json',
    'http-route.schema.json',
    'mesh.schema.json',
    'request-authentication.schema.json',
    'service-entry.schema.json',
    'service.schema.json',
    'traffic-policy.schema.json',
    'weft.schema.json',
    'workload.schema.json',
    'x-backend-traffic-policy.schema.json',
  ])
  const all = Object.entries(schemas.get('weft.schema.json') ?? {})
  t.strictSame(new Map(all).get('anyOf'), [
    { $ref: 'service.schema.json' },
    { $ref: 'endpoint-slice.schema.json' },
    { $ref: 'http-route.schema.json' },
    { $ref: 'grpc-route.schema.json' },
    { $ref: 'mesh.schema.json' },
    { $ref: 'workload.schema.json' },
    { $ref: 'traffic-policy.schema.json' },
    { $ref: 'x-backend-traffic-policy.schema.json' },
    { $ref: 'service-entry.schema.json' },
    { $ref: 'function.schema.json' },
    { $ref: 'authorization-policy.schema.json' },
    { $ref: 'request-authentication.schema.json' },
  ])
})

t.test('a schema describes what people write, not what becomes of it', async t => {
  t.match(jsonSchemas().get('workload.schema.json'), {
    title: 'Workload',
    required: ['apiVersion', 'kind', 'metadata', 'spec'],
    additionalProperties: false,
    properties: {
      metadata: { required: ['name'] },
      spec: {
        properties: {
          healthCheck: { properties: { interval: { type: 'string', default: '5s' } } },
        },
      },
    },
  })
})
