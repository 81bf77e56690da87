import { InvalidArgumentError } from 'commander'
import { parse } from 'yaml'

/** Settings as they are given, before they are checked. */
export type GivenSettings = { [name: string]: unknown }

const poisonous = new Set(['__proto__', 'constructor', 'prototype'])

/**
 * `autoscaling.enabled=false`; the value is YAML. A dot that belongs to a name has a backslash before it, as Helm has it.
 * For an option that may be repeated: `settings` are those before.
 */
export function addSetting(text: string, settings: GivenSettings = {}): GivenSettings {
  const [, path, value] = /^([^=]+)=(.*)$/s.exec(text) ?? []
  if (path === undefined || value === undefined)
    throw new InvalidArgumentError('Expected setting=value, such as networkPolicy=false.')
  const names = path.split(/(?<!\\)\./).map(name => name.replaceAll('\\.', '.'))
  if (names.some(name => name === '' || poisonous.has(name)))
    throw new InvalidArgumentError(`${path} is the name of no setting.`)
  return mergeSettings(settings, nested(names, parsed(value)))
}

/** What `later` says goes before; lists are taken whole. */
export function mergeSettings(earlier: GivenSettings, later: GivenSettings): GivenSettings {
  const merged = { ...earlier }
  for (const [name, value] of Object.entries(later)) {
    const former = merged[name]
    merged[name] = isSettings(former) && isSettings(value) ? mergeSettings(former, value) : value
  }
  return merged
}

function nested(names: readonly string[], value: unknown): GivenSettings {
  return names.reduceRight<unknown>((inner, name) => ({ [name]: inner }), value) as GivenSettings
}

function parsed(value: string): unknown {
  try {
    return parse(value) as unknown
  } catch {
    throw new InvalidArgumentError(`${JSON.stringify(value)} is no YAML.`)
  }
}

export function isSettings(value: unknown): value is GivenSettings {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
