import { readIdentity, writeIdentity } from '../../../src/app/identity.ts';
import { readAddresses } from '../../../src/app/membership-file.ts';
import { readFlags } from '../../../src/app/start-flags.ts';
import { QuorateError, utf8 } from '../../../src/base/index.ts';
import { MemoryDisk } from '../memory-disk.ts';
import type { Target } from '../target.ts';
import { demand, same } from './check.ts';

/** `info.yaml`: who the directory belongs to; and `cluster.yaml`: where the others are. */
export const identityTarget: Target = {
  name: 'identity',
  quickInputs: 100,
  corpus: () =>
    [
      'Address: 127.0.0.1:9001\nID: 1\nRole: 0\n',
      'ID: 18446744073709551615\nAddress: "a:1"\nRole: 2\n',
      '{Address: a:1, ID: 0x7}',
      'Address: &a a:1\nID: 1\nOther: [*a, *a]\n',
      'a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b]\nd: [*c, *c, *c, *c, *c, *c]\nID: 1\nAddress: a\n',
      '- 1\n- 2\n',
      '- Address: a:1\n  ID: 1\n  Role: 0\n- Address: b:1\n  ID: 2\n  Role: 1\n',
      '\ufeffID: 1\nAddress: a:1\n',
    ].map((text) => utf8(text)),
  async run(bytes) {
    const disk = new MemoryDisk(
      new Map([
        ['info.yaml', bytes],
        ['cluster.yaml', bytes],
      ]),
    );
    await readFlags(disk);
    const addresses = await readAddresses(disk);
    demand(!addresses.includes(''), 'an address');
    try {
      const identity = await readIdentity(disk);
      if (identity === undefined) return;
      demand(identity.id > 0n && identity.address !== '', 'an identity');
      await writeIdentity(disk, identity);
      same(await readIdentity(disk), identity, 'read again');
    } catch (error) {
      if (!(error instanceof QuorateError && error.code === 'IDENTITY_DAMAGED')) throw error;
    }
  },
};
