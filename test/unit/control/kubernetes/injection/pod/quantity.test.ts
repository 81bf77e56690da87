import t from 'tap'
import {
  parseQuantity,
  quantity,
} from '../../../../../../src/control/kubernetes/injection/pod/quantity.ts'

t.test('quantities are read as the API server reads them', async t => {
  for (const [text, value] of [
    ['1', 1],
    ['0.5', 0.5],
    ['.5', 0.5],
    ['2.', 2],
    ['250m', 0.25],
    ['64Mi', 64 * 1024 ** 2],
    ['1G', 1e9],
    ['1e3', 1000],
    ['5E-1', 0.5],
    ['2E', 2e18],
  ] as const)
    t.equal(Number(parseQuantity(text)?.toPrecision(12)), value, text)
})

t.test('what is none is told from what is', async t => {
  for (const text of ['', 'x', '1 Mi', '-1', '1mi', '1ee3', 'Mi', '.', '1.2.3'])
    t.equal(parseQuantity(text), undefined, text)
  t.equal(quantity.safeParse('0').success, false, 'nothing is no amount')
  t.equal(quantity.safeParse('1m').success, true)
})
