import { CST, parseDocument, Parser } from 'yaml'
import { dialect } from './yaml-dialect.ts'

/** The text of one document, or of what stands between two. All pieces together are the file. */
export interface Piece {
  readonly text: string
  readonly isDocument: boolean
}

export function splitText(text: string): readonly Piece[] {
  return [...new Parser().parse(text)].map(token => ({
    text: CST.stringify(token),
    isDocument: token.type === 'document',
  }))
}

/** Of JSON, which is written back as JSON. */
export function isJson(text: string): boolean {
  if (!/^\s*\{/.test(text)) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    // YAML in flow style.
    return false
  }
}

export function readValue(text: string): unknown {
  return parseDocument(text, dialect).toJS() as unknown
}

const listUnderKey = /^( *)(?:- )?[^\s#-][^\n]*:[ \t]*(?:#[^\n]*)?\n(?:\s*#[^\n]*\n)*( *)- /m
const keyUnderKey = /^( *)[^\s#-][^\n]*:[ \t]*(?:#[^\n]*)?\n( +)[^\s#-]/m

/** How the text is laid out, for what is added to be alike. */
export function layoutOf(text: string) {
  const [, outer = '', inner = '  '] = keyUnderKey.exec(text) ?? []
  const [, key = '', item = ''] = listUnderKey.exec(text) ?? []
  return {
    lineWidth: 0,
    indent: Math.max(1, inner.length - outer.length),
    indentSeq: item.length > key.length,
    flowCollectionPadding: /[[{] /.test(text),
  }
}
