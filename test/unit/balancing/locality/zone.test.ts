import t from 'tap'
import { nearness, regionOf } from '../../../../src/balancing/locality/zone.ts'

t.test('a region is read from the names that clouds give their zones', async t => {
  t.equal(regionOf('eu-west-1a'), 'eu-west-1')
  t.equal(regionOf('europe-west1-b'), 'europe-west1')
  t.equal(regionOf('westeurope-2'), 'westeurope')
  t.equal(regionOf('eu/eu-1'), 'eu')
  t.equal(regionOf('eu-1/rack-3'), 'eu-1')
  t.equal(regionOf('berlin'), undefined)
})

t.test('nearest is the own zone, then the own region', async t => {
  t.equal(nearness('eu-west-1a', 'eu-west-1a'), 0)
  t.equal(nearness('eu-west-1b', 'eu-west-1a'), 1)
  t.equal(nearness('us-east-1a', 'eu-west-1a'), 2)
  t.equal(nearness(undefined, 'eu-west-1a'), 2)
  t.equal(nearness('hamburg', 'berlin'), 2)
})
