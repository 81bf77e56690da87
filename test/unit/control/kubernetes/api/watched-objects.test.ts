import t from 'tap'
import { WatchedObjects } from '../../../../../src/control/kubernetes/api/watched-objects.ts'

function setUp() {
  const refused: string[] = []
  const objects = new WatchedObjects<object>({
    select: ({ metadata: { name, labels } }) => {
      if (name === 'bad') throw new Error('bad')
      return labels
    },
    onRefused: key => refused.push(key),
  })
  return { objects, refused }
}

t.test('what is equal stays the same object, and is no change', async t => {
  const { objects } = setUp()
  const first = { a: 1 }
  t.ok(objects.put('x', first))
  t.notOk(objects.put('x', { a: 1 }))
  t.equal(objects.kept.get('x'), first)
  t.ok(objects.put('x', { a: 2 }))
  t.ok(objects.put('x', undefined))
  t.notOk(objects.put('x', undefined))
})

t.test('a whole list replaces all, and says whether that is a change', async t => {
  const { objects } = setUp()
  t.notOk(objects.replaceBy(new Map()))
  t.ok(
    objects.replaceBy(
      new Map([
        ['a', {}],
        ['b', {}],
      ]),
    ),
  )
  t.notOk(
    objects.replaceBy(
      new Map([
        ['b', {}],
        ['a', {}],
      ]),
    ),
  )
  t.ok(objects.replaceBy(new Map([['b', {}]])))
  t.strictSame([...objects.kept.keys()], ['b'])
})

t.test('names of Object itself are names', async t => {
  const { objects } = setUp()
  t.ok(objects.put('__proto__', { a: 1 }))
  t.strictSame([...objects.kept.keys()], ['__proto__'])
})

t.test('an object that cannot be selected from is told of', async t => {
  const { objects, refused } = setUp()
  t.equal(objects.select({ metadata: { name: 'bad', namespace: 'shop' } }), undefined)
  t.strictSame(refused, ['shop/bad'])
})
