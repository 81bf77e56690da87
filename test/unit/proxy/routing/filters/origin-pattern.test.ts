import t from 'tap'
import { compileOrigins } from '../../../../../src/proxy/routing/filters/origin-pattern.ts'

const candidates = [
  'https://example',
  'https://a.example',
  'https://a.b.example',
  'https://.example',
  'https://aexample',
  'https://a.example.evil',
  'http://a.example',
  'https://a.example:8443',
  'null',
]

function allowed(...origins: string[]): string[] {
  return candidates.filter(compileOrigins(origins))
}

t.test('an origin is compared as a whole', async t => {
  t.same(allowed('https://a.example'), ['https://a.example'])
  t.same(allowed('https://a.example:8443'), ['https://a.example:8443'])
  t.same(allowed(), [])
})

t.test('an asterisk takes labels to the left of what follows it, and no port', async t => {
  t.same(allowed('https://*.example'), ['https://a.example', 'https://a.b.example'])
  t.same(allowed('https://*.example:8443'), ['https://a.example:8443'])
})

t.test('an asterisk for a host takes every host of the scheme', async t => {
  t.same(
    allowed('https://*'),
    candidates.filter(origin => origin.startsWith('https:') && !origin.endsWith(':8443')),
  )
})

t.test('an asterisk alone takes every origin', async t => {
  t.same(allowed('*'), candidates)
})
