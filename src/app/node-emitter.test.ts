import { expect, test } from 'vitest';
import { NodeEmitter } from './node-emitter.ts';

test('the end of a node is told once, with its first reason: threads that die with it tell it again', () => {
  const emitter = new NodeEmitter();
  const reasons: string[] = [];
  emitter.on('stopped', ({ reason }) => reasons.push(reason));
  emitter.emit({ kind: 'stopped', reason: 'the SQL thread died' });
  emitter.emit({ kind: 'stopped', reason: 'the consensus thread ended with code 1' });
  expect(reasons).toEqual(['the SQL thread died']);
});
