export { checkBank, type Statement, type Transfer } from './bank.ts';
export { type Claim, checkClaims } from './claims.ts';
export { type Anomaly, type AnomalyName, BROKEN_BY, type Fate, type Operation } from './history.ts';
export { checkListAppend, type ListTransaction, type Step } from './list-append.ts';
export { checkOutcomes } from './outcome.ts';
export { checkRegister, type RegisterOperation } from './register.ts';
export { checkSessions, type SessionOperation } from './session.ts';
export { checkSet, type SetAdd, type SetRead } from './set.ts';
export { checkStaleness, type VersionOperation } from './staleness.ts';
