import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { monotonicNow } from '../../../../src/base/clock.ts'
import { silentLogger } from '../../../../src/base/log.ts'
import { loadPlugins } from '../../../../src/proxy/plugins/load-plugins.ts'
import { testFolder } from '../../../support/test-folder.ts'

const surroundings = { logger: silentLogger, now: monotonicNow }
const version = `export const apiVersion = 'weft.dev/plugin/v1'\n`

const mistakes: readonly (readonly [source: string, problem: string | RegExp])[] = [
  ['', "exports no apiVersion, which must be 'weft.dev/plugin/v1'; it exports nothing"],
  [
    `export const apiversion = 1`,
    "exports no apiVersion, which must be 'weft.dev/plugin/v1'; is apiversion meant?",
  ],
  [
    `export const apiVersion = 'weft.dev/plugin/v2'`,
    'is written for "weft.dev/plugin/v2", and this sidecar takes weft.dev/plugin/v1',
  ],
  [`${version}export const make = 1`, /exports no create, .*; it exports apiVersion, make$/],
  [`${version}export const create = 1`, 'its export create is no function'],
  [`${version}export const create = () => {}`, 'create(config) gave no object'],
  [
    `${version}export const create = () => ({})`,
    'create(config) gave none of onRequest, onResponse, onComplete',
  ],
  [
    `${version}export const create = () => ({ onRequests() {} })`,
    'there is no hook onRequests; is onRequest meant?',
  ],
  [
    `${version}export const create = () => new (class { onAnswer() {} })()`,
    'there is no hook onAnswer; hooks are onRequest, onResponse, onComplete',
  ],
  [`${version}export const create = () => ({ onRequest: 1 })`, 'its hook onRequest is no function'],
  [
    `${version}export const create = () => { throw new Error('no key') }`,
    'create(config) failed: no key',
  ],
  [`${version}export const create = async () => { throw 'text' }`, 'create(config) failed: text'],
  [`export const = 1`, /^cannot be loaded: SyntaxError: /],
  [`import './nothing.mjs'`, /^cannot be loaded: Error: Cannot find module '.*nothing.mjs'/],
]

t.test('a file that is no plugin is refused with what is wrong', async t => {
  const folder = testFolder(t)
  for (const [index, [source, problem]] of mistakes.entries()) {
    const path = join(folder, `${index}.mjs`)
    writeFileSync(path, source)
    const error = await loadPlugins([{ path }], surroundings).catch((thrown: Error) => thrown)
    t.ok(error instanceof Error)
    const message = error instanceof Error ? error.message : ''
    t.ok(message.startsWith(`plugin ${path}: `))
    t.match(message.slice(`plugin ${path}: `.length), problem)
  }
  await t.rejects(loadPlugins([{ path: join(folder, 'none.ts') }], surroundings), {
    message: `plugin ${join(folder, 'none.ts')}: there is no such file, or it cannot be read`,
  })
})

t.test('TypeScript is loaded as it is, and config handed over', async t => {
  const path = join(testFolder(t), 'mine.ts')
  writeFileSync(
    path,
    `export const apiVersion: string = 'weft.dev/plugin/v1'
export function create({ word }: { word: string }) {
  if (word !== 'hello') throw new Error(word)
  return { onRequest(): void {} }
}`,
  )
  const [plugin] = await loadPlugins([{ path, config: { word: 'hello' } }], surroundings)
  t.match(plugin, { name: 'mine', direction: 'both', onError: 'fail', timeoutMs: 100 })
})

t.test('two of one name must be told apart', async t => {
  const folder = testFolder(t)
  const source = `${version}export const create = () => ({ onRequest() {} })`
  const paths = ['a', 'b'].map(name => join(folder, name, 'plugin.mjs'))
  for (const [index, path] of paths.entries()) {
    mkdirSync(join(folder, 'ab'[index] ?? ''))
    writeFileSync(path, source)
  }
  const settings = paths.map(path => ({ path }))
  await t.rejects(
    loadPlugins(settings, surroundings),
    /another one is called plugin; give this one/,
  )
  const named = settings.map((each, index) => ({ ...each, name: `p${index}` }))
  t.equal((await loadPlugins(named, surroundings)).length, 2)
})
