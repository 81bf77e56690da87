import t from 'tap'
import { meshDefaults, meshKind } from '../../../../src/model/kinds/mesh.ts'
import { checkFaults, checkTaken } from '../schemas.ts'

const mesh = { apiVersion: 'weft.dev/v1alpha1', kind: 'Mesh', metadata: { name: 'shop' } }

t.test('a Mesh without a word has the settings of a mesh without a Mesh', async t => {
  const defaults = {
    trustDomain: 'weft.local',
    mtls: 'permissive',
    outboundTrafficPolicy: 'allowAny',
    defaultAuthorization: 'allow',
    pathNormalization: 'mergeSlashes',
  }
  t.same(meshKind.parse(mesh).spec, defaults)
  t.same(meshKind.parse({ ...mesh, spec: {} }).spec, defaults)
  t.same(meshDefaults, defaults)
})

t.test('every field has its bounds', async t => {
  checkFaults(t, meshKind, mesh, [
    ['apiVersion', 'v1', /expected "weft.dev\/v1alpha1"/],
    ['spec.trustDomain', 'Example.org', /lower-case/],
    ['spec.trustDomain', '', /lower-case/],
    ['spec.trustDomain', 'a'.repeat(256), /lower-case/],
    ['spec.mtls', 'off', /"strict"\|"permissive"/],
    ['spec.maxConnectionAge', '0s', /longer than 0s/],
    ['spec.maxConnectionAge', 'old', /duration/],
    ['spec.defaultAuthorization', 'audit', /"allow"\|"deny"/],
    ['spec.pathNormalization', 'all', /"none"\|"base"\|"mergeSlashes"/],
    ['spec.overload.enabled', 'yes', /expected boolean/],
    ['spec.overload.eventLoopDelay', { start: '3s' }, /start must be lower than full/],
    ['spec.overload.heap', { start: 0.9, full: 1.1 }, /<=1/, 'spec.overload.heap.full'],
  ])
  checkTaken(t, meshKind, mesh, [
    ['spec.trustDomain', 'prod.example_1.org'],
    ['spec.mtls', 'strict'],
    ['spec.maxConnectionAge', '1h30m'],
    ['spec.overload', { enabled: false }],
    ['spec.overload', { eventLoopDelay: { start: '100ms', full: '300ms' } }],
  ])
})
