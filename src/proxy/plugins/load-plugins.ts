import { access } from 'node:fs/promises'
import { basename, extname, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import type { Now } from '../../base/clock.ts'
import type { Logger } from '../../base/log.ts'
import { nearest } from '../../model/parsing/nearest.ts'
import type { PluginSettings } from '../../model/plugin.ts'
import { ActivePlugin } from './active-plugin.ts'
import { pluginApiVersion, type Plugin, type PluginModule } from './plugin.ts'

export interface PluginSurroundings {
  readonly logger: Logger
  readonly now: Now
}

const hookNames = ['onRequest', 'onResponse', 'onComplete'] as const

/** Somebody waits for the sidecar to start. */
const createTimeoutMs = 10_000

/**
 * Loads the files, in this order, into this thread.
 * @throws Error that names the file, what is wrong with it, and what is right.
 */
export async function loadPlugins(
  settings: readonly PluginSettings[],
  surroundings: PluginSurroundings,
): Promise<readonly ActivePlugin[]> {
  const plugins: ActivePlugin[] = []
  for (const each of settings) {
    const name = each.name ?? basename(each.path, extname(each.path))
    if (plugins.some(other => other.name === name))
      throw new Error(`plugin ${each.path}: another one is called ${name}; give this one a name`)
    const plugin = await loadPlugin(each)
    plugins.push(new ActivePlugin({ name, settings: each, plugin, ...surroundings }))
  }
  return plugins
}

async function loadPlugin({ path, config = {} }: PluginSettings): Promise<Plugin> {
  const file = resolve(path)
  const fail = (why: string, cause?: unknown): never => {
    throw new Error(`plugin ${file}: ${why}`, { cause })
  }
  await access(file).catch(() => fail('there is no such file, or it cannot be read'))
  const module = await importModule(file).catch((error: Error) =>
    fail(`cannot be loaded: ${error.name}: ${error.message}`, error),
  )
  const fault = moduleFault(module)
  if (fault !== undefined) fail(fault)
  const plugin: unknown = await create(module as unknown as PluginModule, config).catch(
    (error: unknown) => fail(`create(config) failed: ${messageOf(error)}`, error),
  )
  const wrong = pluginFault(plugin)
  return wrong === undefined ? (plugin as Plugin) : fail(wrong)
}

async function importModule(file: string): Promise<Readonly<Record<string, unknown>>> {
  return (await import(pathToFileURL(file).href)) as Readonly<Record<string, unknown>>
}

function moduleFault(module: Readonly<Record<string, unknown>>): string | undefined {
  const exported = Object.keys(module)
  const missing = (name: string, what: string): string => {
    const near = nearest(name, exported)
    const list = exported.join(', ') || 'nothing'
    const hint = near === undefined ? `it exports ${list}` : `is ${near} meant?`
    return `exports no ${name}, ${what}; ${hint}`
  }
  const { apiVersion } = module
  if (apiVersion === undefined) return missing('apiVersion', `which must be '${pluginApiVersion}'`)
  if (apiVersion !== pluginApiVersion)
    return `is written for ${JSON.stringify(apiVersion)}, and this sidecar takes ${pluginApiVersion}`
  if (module['create'] === undefined) return missing('create', 'the function that makes the plugin')
  return typeof module['create'] === 'function' ? undefined : 'its export create is no function'
}

async function create(module: PluginModule, config: Readonly<Record<string, unknown>>) {
  const abort = new AbortController()
  const late = delay(createTimeoutMs, undefined, { signal: abort.signal }).then(() => {
    throw new Error(`it took more than ${createTimeoutMs} ms`)
  })
  try {
    return await Promise.race([module.create(config), late])
  } finally {
    late.catch(() => {})
    abort.abort()
  }
}

function pluginFault(plugin: unknown): string | undefined {
  if (typeof plugin !== 'object' || plugin === null) return 'create(config) gave no object'
  const hooks: readonly string[] = hookNames
  for (const key of keysOf(plugin))
    if (/^on[A-Z]/.test(key) && !hooks.includes(key)) {
      const near = nearest(key, hooks)
      const hint = near === undefined ? `hooks are ${hooks.join(', ')}` : `is ${near} meant?`
      return `there is no hook ${key}; ${hint}`
    }
  const given = plugin as Readonly<Record<string, unknown>>
  const present = hooks.filter(hook => given[hook] !== undefined)
  if (present.length === 0) return `create(config) gave none of ${hooks.join(', ')}`
  const wrong = present.find(hook => typeof given[hook] !== 'function')
  return wrong === undefined ? undefined : `its hook ${wrong} is no function`
}

/** With those of its class. */
function keysOf(plugin: object): string[] {
  const inherited = Object.getPrototypeOf(plugin) as object | null
  const isPlain = inherited === null || inherited === Object.prototype
  return [...Object.keys(plugin), ...(isPlain ? [] : Object.getOwnPropertyNames(inherited))]
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
