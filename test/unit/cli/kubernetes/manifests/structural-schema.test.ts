import t from 'tap'
import { structuralSchema } from '../../../../../src/cli/kubernetes/manifests/structural-schema.ts'

const open = { 'x-kubernetes-preserve-unknown-fields': true }

t.test('fields, maps and lists keep their checks; what is closed needs no word', async t => {
  t.strictSame(
    structuralSchema({
      type: 'object',
      required: ['name'],
      additionalProperties: false,
      properties: {
        name: { type: 'string', pattern: '^a', examples: ['a'] },
        labels: {
          type: 'object',
          propertyNames: { type: 'string' },
          additionalProperties: { type: 'string' },
        },
        ports: { type: 'array', minItems: 1, items: { type: 'integer', minimum: 1 } },
      },
    }),
    {
      type: 'object',
      required: ['name'],
      properties: {
        name: { type: 'string', pattern: '^a' },
        labels: { type: 'object', additionalProperties: { type: 'string' } },
        ports: { type: 'array', minItems: 1, items: { type: 'integer', minimum: 1 } },
      },
    },
  )
})

t.test('unknown fields are kept for whoever reads the object, if wanted', async t => {
  const inner = { type: 'object', properties: { a: { type: 'string' } } }
  const schema = { type: 'object', properties: { list: { type: 'array', items: inner } } }
  t.strictSame(structuralSchema(schema, 'kept'), {
    ...open,
    type: 'object',
    properties: { list: { type: 'array', items: { ...open, ...inner } } },
  })
})

t.test('a default is told and not stored', async t => {
  t.strictSame(structuralSchema({ type: 'integer', description: 'How many.', default: 3 }), {
    type: 'integer',
    description: 'How many. Default: 3.',
  })
  t.strictSame(structuralSchema({ type: 'boolean', default: false }), {
    type: 'boolean',
    description: 'Default: false.',
  })
  t.strictSame(structuralSchema({ type: 'object', properties: {}, default: {} }), {
    type: 'object',
    properties: {},
  })
})

t.test('one constant is a list of one, and no limit is what an integer can be', async t => {
  t.strictSame(structuralSchema({ type: 'string', const: 'Service' }), {
    type: 'string',
    enum: ['Service'],
  })
  t.strictSame(structuralSchema({ type: 'integer', maximum: Number.MAX_SAFE_INTEGER }), {
    type: 'integer',
  })
})

t.test('alternatives of one type stay, those of several are left to the control plane', async t => {
  t.strictSame(
    structuralSchema({
      anyOf: [
        { type: 'string', const: 'auto', description: 'not allowed here' },
        { type: 'string', pattern: '^\\d+s$' },
      ],
    }),
    { type: 'string', anyOf: [{ enum: ['auto'] }, { pattern: '^\\d+s$' }] },
  )
  t.strictSame(
    structuralSchema({ anyOf: [{ type: 'string', const: 'auto' }, { type: 'string' }] }),
    {
      type: 'string',
    },
  )
  t.strictSame(structuralSchema({ anyOf: [{ type: 'boolean' }, { type: 'object' }] }), open)
  t.strictSame(structuralSchema({ description: 'JSON.', allOf: [{ $ref: '#/x' }] }), {
    description: 'JSON.',
    ...open,
  })
  t.strictSame(structuralSchema({}), open)
})

t.test('a check that could not be said is not lost unseen', async t => {
  t.throws(() => structuralSchema({ type: 'object', properties: { a: { not: {} } } }), /"not"/)
})
