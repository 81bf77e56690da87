import t from 'tap'
import { z } from 'zod'
import { prune } from '../../../../src/model/parsing/prune.ts'
import { kinds } from '../../../../src/model/parsing/validate.ts'

const schema = z.strictObject({
  name: z.string(),
  list: z
    .array(z.strictObject({ a: z.number().default(1) }))
    .max(3)
    .optional()
    .superRefine(() => {}),
  map: z.record(z.string(), z.strictObject({ b: z.string() })).default({}),
  either: z.union([z.boolean(), z.strictObject({ c: z.string() }), z.strictObject({ d: z.int() })]),
  loose: z.looseObject({ e: z.strictObject({ f: z.string() }).optional() }),
  any: z.unknown(),
})

t.test('fields that the schema does not know go, at every depth, and are named', async t => {
  const { value, dropped } = prune(schema.prefault({} as never), {
    name: 'x',
    list: [{ a: 1, x: 1 }, 'text'],
    map: { k: { b: 'b', x: 1 } },
    either: { d: 1, x: 1 },
    loose: { e: { f: 'f', x: 1 }, other: { y: 1 } },
    any: { z: 1 },
    x: 1,
  })
  t.strictSame(value, {
    name: 'x',
    list: [{ a: 1 }, 'text'],
    map: { k: { b: 'b' } },
    either: { d: 1 },
    loose: { e: { f: 'f' }, other: { y: 1 } },
    any: { z: 1 },
  })
  t.same(dropped.map(path => path.join('.')).toSorted(), [
    'either.x',
    'list.0.x',
    'loose.e.x',
    'map.k.x',
    'x',
  ])
})

t.test('what fits nowhere stays, for the schema to say why', async t => {
  for (const value of [
    undefined,
    null,
    1,
    'text',
    [1],
    { either: { c: 1, d: 'x' }, list: { a: 1 } },
  ])
    t.strictSame(prune(schema, value), { value, dropped: [] })
})

t.test('a key that would reach a prototype is a key as any other', async t => {
  const value = JSON.parse('{"map":{"__proto__":{"b":"b"}}}') as object
  const { value: pruned } = prune(schema, value)
  t.equal(JSON.stringify(pruned), '{"map":{"__proto__":{"b":"b"}}}')
  t.equal(Object.getPrototypeOf(pruned), Object.prototype)
})

t.test('no kind loses a field that it knows', async t => {
  const workload = {
    apiVersion: 'weft.dev/v1alpha1',
    kind: 'Workload',
    metadata: { name: 'a', labels: { constructor: 'x' } },
    spec: {
      run: { command: ['x'], environment: { A: 'b' } },
      sidecar: { dns: { port: 53 }, transparent: { inboundPort: 1 }, workers: 1 },
    },
  }
  t.strictSame(prune(kinds.Workload, workload), { value: workload, dropped: [] })
  const { dropped } = prune(kinds.Workload, {
    ...workload,
    spec: { ...workload.spec, sidecar: { dns: { port: 53, x: 1 } } },
  })
  t.same(dropped, [['spec', 'sidecar', 'dns', 'x']])
})
