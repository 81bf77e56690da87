import t from 'tap'
import { fieldsOf } from '../../../src/base/fields.ts'

t.test('an object has its fields, and everything else none', async t => {
  const object = { a: 1 }
  t.equal(fieldsOf(object), object)
  for (const value of [undefined, null, 1, 'text', ['a'], () => {}])
    t.strictSame(fieldsOf(value), {})
})
