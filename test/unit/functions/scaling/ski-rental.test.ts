import t from 'tap'
import { stepDowns } from '../../../../src/functions/scaling/ski-rental.ts'

t.test('an instance is kept until that has cost as much as a start', async t => {
  const states = [
    { idleCostPerMs: 2, wakeCost: 0 },
    { idleCostPerMs: 0, wakeCost: 100 },
  ]
  t.strictSame(stepDowns(states), [
    { state: 0, afterMs: 0 },
    { state: 1, afterMs: 50 },
  ])
})

t.test('each tier is entered when it becomes the cheapest', async t => {
  const states = [
    { idleCostPerMs: 10, wakeCost: 0 },
    { idleCostPerMs: 4, wakeCost: 60 },
    { idleCostPerMs: 1, wakeCost: 120 },
    { idleCostPerMs: 0, wakeCost: 620 },
  ]
  t.strictSame(
    stepDowns(states).map(({ afterMs }) => afterMs),
    [0, 10, 20, 500],
  )
})

t.test('a tier that is never the cheapest is left out', async t => {
  const states = [
    { idleCostPerMs: 10, wakeCost: 0 },
    { idleCostPerMs: 9, wakeCost: 90 },
    { idleCostPerMs: 0, wakeCost: 100 },
  ]
  t.strictSame(stepDowns(states), [
    { state: 0, afterMs: 0 },
    { state: 2, afterMs: 10 },
  ])
})

t.test('what costs nothing is kept for ever', async t => {
  t.strictSame(
    stepDowns([
      { idleCostPerMs: 0, wakeCost: 0 },
      { idleCostPerMs: 0, wakeCost: 5 },
    ]),
    [{ state: 0, afterMs: 0 }],
  )
})
