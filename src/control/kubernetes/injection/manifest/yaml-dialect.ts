// YAML as kubectl reads it, written back as it stood.
import {
  Scalar,
  type CollectionTag,
  type DocumentOptions,
  type ParseOptions,
  type ScalarTag,
  type SchemaOptions,
} from 'yaml'

type Tag = ScalarTag | CollectionTag

/** kubectl follows YAML 1.1 here, and tells `hostNetwork: yes` from text. */
const oldBoolean: ScalarTag = {
  tag: 'tag:yaml.org,2002:bool',
  identify: value => typeof value === 'boolean',
  default: true,
  test: /^(?:[Yy]es|YES|[Nn]o|NO|[Oo]n|ON|[Oo]ff|OFF)$/,
  resolve: text => new Scalar(/^(?:y|on)/i.test(text)),
  stringify: ({ source, value }) => source ?? String(value),
}

/** `defaultMode: 0644` is octal for kubectl: what a number looks like is not ours to change. */
function asItStood(tag: Tag): Tag {
  if (!/:(?:int|float)$/.test(tag.tag) || 'collection' in tag) return tag
  const { stringify } = tag as ScalarTag
  return {
    ...tag,
    stringify: (item, ...more) => item.source ?? stringify?.(item, ...more) ?? String(item.value),
  } as ScalarTag
}

export const dialect: ParseOptions & DocumentOptions & SchemaOptions = {
  merge: true,
  prettyErrors: false,
  logLevel: 'error',
  customTags: tags => [
    ...tags.map(tag => (typeof tag === 'string' ? tag : asItStood(tag))),
    oldBoolean,
  ],
}
