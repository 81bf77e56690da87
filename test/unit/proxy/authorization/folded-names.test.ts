import t from 'tap'
import { HeaderList } from '../../../../src/http/headers.ts'
import { FoldedNames } from '../../../../src/proxy/authorization/folded-names.ts'

t.test(
  'another spelling of a name that somebody looks at is dropped, and nothing else',
  async t => {
    const headers = new HeaderList()
    const names = [
      'x-user-id',
      'X_USER_ID',
      'x-user_id',
      'x_other',
      'x_token',
      'x-token',
      'x_user_id',
    ]
    for (const name of names) headers.append(name, name)
    new FoldedNames(['x-user-id', 'x_token']).dropOthers(headers)
    t.same(headers.values, ['x-user-id', 'x_other', 'x_token'])
  },
)
