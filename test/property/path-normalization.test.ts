import fc from 'fast-check'
import t from 'tap'
import { normalizePath } from '../../src/http/path-normalization.ts'
import type { PathNormalization } from '../../src/model/policy/path-normalization.ts'
import { RequestMatcher, OperationMatcher } from '../../src/proxy/authorization/request-matcher.ts'
import { RequestView } from '../../src/proxy/authorization/request-view.ts'
import { plainPath, visiblePath } from '../../src/proxy/authorization/visible-path.ts'

type Mode = Exclude<PathNormalization, 'none'>

const modes = fc.constantFrom<Mode>('base', 'mergeSlashes', 'decodeAndMergeSlashes')

/** A character as it is, or in one of the ways that an application would read as the same. */
const spelled = (character: string): fc.Arbitrary<string> => {
  const hex = Buffer.from(character).toString('hex')
  return fc.constantFrom(character, character, `%${hex.toUpperCase()}`, `%${hex}`)
}

const spelledText = (text: string): fc.Arbitrary<string> =>
  fc.tuple(...text.split('').map(spelled)).map(parts => parts.join(''))

const slashes = fc.constantFrom('/', '/', '//', '/./', '/%2e/', '///', '\\', '%2F', '%5c', '/.;x/')
const parameters = fc.constantFrom('', '', ';', ';a=b', '%3Bjsessionid=1')
/** What leads nowhere. */
const detour = fc.oneof(
  fc.constant(''),
  fc
    .tuple(spelledText('x'), fc.constantFrom('..', '%2e%2e', '.%2E', '%2e.'), parameters)
    .map(([name, up, after]) => `/${name}/${up}${after}`),
)
const query = fc.constantFrom('', '?', '?q=/x/..', '?%2F\\')

/** Spellings of `/admin/users` for one or another kind of application. */
const adminPath = fc
  .tuple(
    detour,
    slashes,
    spelledText('admin'),
    parameters,
    detour,
    slashes,
    spelledText('users'),
    query,
  )
  .map(parts => parts.join(''))
  .map(path => (path.startsWith('/') ? path : `/${path}`))

function viewOf(target: string): RequestView {
  const view = new RequestView()
  view.path = visiblePath(target)
  view.pathWithoutParameters = view.path.includes(';') ? plainPath(view.path) : undefined
  return view
}

/** Applications that disagree about everything that the RFCs leave open, or get wrong. */
const applications: Record<string, (target: string) => string> = {
  literal: target => target.replace(/\?.*/s, ''),
  decoding: target => decodeURIComponent(target.replace(/\?.*/s, '')),
  resolving: target => new URL(`http://a${target}`).pathname,
  'decoding, then resolving': target =>
    new URL(`http://a${encodeURI(decodeURIComponent(target.replace(/\?.*/s, '')))}`).pathname,
  'dropping parameters': target =>
    decodeURIComponent(target.replace(/\?.*/s, '').replace(/;[^/]*/g, '')).replace(/\/+/g, '/'),
  'dropping parameters late': target =>
    decodeURIComponent(target.replace(/\?.*/s, ''))
      .replace(/;[^/]*/g, '')
      .replace(/\/+/g, '/'),
  'dropping parameters, then resolving': target =>
    new URL(
      `http://a${encodeURI(decodeURIComponent(target.replace(/\?.*/s, '').replace(/;[^/]*/g, '')))}`,
    ).pathname,
  'with the slashes of Windows': target =>
    new URL(`http://a${decodeURIComponent(target.replace(/\?.*/s, '')).replaceAll('\\', '/')}`)
      .pathname,
}

function isAdmin(path: string): boolean {
  return path.replace(/\/+/g, '/') === '/admin/users'
}

t.test('no spelling of a path that is shut reaches what is behind it', async t => {
  const shut = new RequestMatcher([new OperationMatcher({ paths: ['/admin/*'] }, 'loose')], [])
  let reached = 0
  let refused = 0
  fc.assert(
    fc.property(
      adminPath,
      fc.constantFrom<Mode>('mergeSlashes', 'decodeAndMergeSlashes'),
      (target, mode) => {
        const path = normalizePath(target, mode)
        if (path === undefined) {
          refused++
          return true
        }
        const seen = Object.values(applications).some(read => isAdmin(read(path)))
        if (seen) reached++
        return !seen || shut.matches(viewOf(path))
      },
    ),
    { numRuns: 20_000 },
  )
  t.ok(reached > 1000 && refused > 1000, `${reached} spellings, ${refused} refused`)
})

t.test('what is opened for one path opens no other, in any spelling', async t => {
  const open = new RequestMatcher(
    [new OperationMatcher({ paths: ['/public', '/public/*'] }, 'strict')],
    [],
  )
  const anyPath = fc
    .array(
      fc.oneof(
        fc.constantFrom('/', '//', '..', '.', '%2e', '%2E', ';', '%3b', '\\', '%2f', '%5C', '%00'),
        spelledText('public'),
        spelledText('admin'),
      ),
      { maxLength: 9 },
    )
    .map(parts => `/${parts.join('')}`)
  let opened = 0
  fc.assert(
    fc.property(fc.oneof(anyPath, adminPath), modes, (target, mode) => {
      const path = normalizePath(target, mode)
      if (path === undefined || !open.matches(viewOf(path))) return true
      opened++
      return Object.values(applications).every(read =>
        /^\/+public(?:[/;]|$)/.test(read(path).replace(/\/+/g, '/')),
      )
    }),
    { numRuns: 20_000 },
  )
  t.ok(opened > 100, `${opened} opened`)
})

t.test('a path that was normalized stays as it is, and its query always does', async t => {
  fc.assert(
    fc.property(
      fc.oneof(
        adminPath,
        fc.webPath(),
        fc.webUrl().map(url => new URL(url).pathname),
      ),
      modes,
      (target, mode) => {
        const given = target === '' ? '/' : target
        const once = normalizePath(given, mode)
        if (once === undefined) return true
        const mark = given.indexOf('?')
        const hasQuery = mark < 0 || once.endsWith(given.slice(mark))
        return hasQuery && normalizePath(once, mode) === once
      },
    ),
    { numRuns: 5000 },
  )
  t.end()
})
