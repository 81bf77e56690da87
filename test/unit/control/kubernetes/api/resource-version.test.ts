import t from 'tap'
import { isOlderVersion } from '../../../../../src/control/kubernetes/api/resource-version.ts'

t.test('versions are compared as numbers of any length', async t => {
  t.ok(isOlderVersion('9', '10'))
  t.ok(isOlderVersion('99999999999999999998', '99999999999999999999'))
  t.notOk(isOlderVersion('10', '9'))
  t.notOk(isOlderVersion('10', '10'))
})

t.test('what is no number is older than nothing', async t => {
  for (const version of ['', 'a', '01', '-1', '1e3']) t.notOk(isOlderVersion(version, '9000'))
  t.notOk(isOlderVersion('1', 'zz'))
})
