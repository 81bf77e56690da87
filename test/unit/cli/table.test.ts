import t from 'tap'
import { formatTable } from '../../../src/cli/table.ts'

t.test('columns are as wide as their widest cell, and no line ends in blanks', async t => {
  const table = formatTable([
    ['WORKLOAD', 'PID'],
    ['a', '1'],
    ['storefront', ''],
  ])
  t.equal(table, ['WORKLOAD    PID', 'a           1', 'storefront'].join('\n'))
})
