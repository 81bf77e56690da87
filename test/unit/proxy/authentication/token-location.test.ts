import t from 'tap'
import {
  findTokens,
  locationsOf,
  removeToken,
  type TokenLocations,
} from '../../../../src/proxy/authentication/token-location.ts'
import { HeaderList } from '../../../../src/http/headers.ts'
import { requestHead } from '../../../support/requests.ts'

const bearer = locationsOf([])
const anywhere: TokenLocations = {
  headers: [{ name: 'x-token', prefix: '' }],
  params: ['token', 'a b'],
}

function request(path: string, fields: readonly (readonly [string, string])[]) {
  const headers = new HeaderList()
  for (const [name, value] of fields) headers.append(name, value)
  return requestHead({ path, headers })
}

t.test('a token stands behind its scheme, in any case, once or as often as one likes', async t => {
  t.same(findTokens(request('/', [['Authorization', 'bearer  abc ']]), bearer), ['abc'])
  t.same(findTokens(request('/', [['Authorization', 'Bearer\t abc']]), bearer), ['abc'])
  t.same(findTokens(request('/', [['authorization', 'Basic abc']]), bearer), [])
  t.same(
    findTokens(
      request('/', [
        ['authorization', 'Bearer a'],
        ['authorization', 'Bearer b'],
        ['authorization', 'Bearer a'],
      ]),
      bearer,
    ),
    ['a', 'b'],
  )
  t.same(findTokens(request('/?token=a&token=b&a+b=c', []), anywhere), ['a', 'b', 'c'])
  t.same(findTokens(request('/?%74oken=a', [['x-token', 'h']]), anywhere), ['h', 'a'])
})

t.test('it is taken out in every spelling, and nothing else is', async t => {
  const head = request('/p?x=1&%74oken=a&y=%20&a%20b=c&token', [
    ['x-token', 'h'],
    ['x-tokens', 'i'],
  ])
  removeToken(head, anywhere)
  t.equal(head.path, '/p?x=1&y=%20')
  t.same(head.headers.names, ['x-tokens'])
  const alone = request('/p?token=a', [['authorization', 'Basic own']])
  removeToken(alone, anywhere)
  t.equal(alone.path, '/p')
  removeToken(alone, bearer)
  t.equal(alone.headers.get('authorization'), 'Basic own')
})
