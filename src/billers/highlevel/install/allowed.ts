import type { Config } from '../../../config.ts'

export type HighlevelConfig = NonNullable<Config['highlevel']>
type AllowList = Pick<HighlevelConfig, 'allowedLocations' | 'allowedCompanies'>

/** Whether a location is named in `HIGHLEVEL_LOCATIONS`, itself or by its agency. */
export const isAllowed = (
  { allowedLocations, allowedCompanies }: AllowList,
  { locationId, companyId }: { locationId: string; companyId: string | null },
): boolean =>
  allowedLocations.includes(locationId) ||
  (companyId !== null && allowedCompanies.includes(companyId))
