// Three copies, upgraded one by one from v1 to v2 to v3 under constant load. Fails when one request fails.
import { Stage } from './runner/stage.mjs';

await Stage.play(async (stage) => {
  for (const version of ['v2', 'v3']) {
    for (const copy of stage.copies) await stage.upgrade(copy, version);
    await stage.until(`everything of ${version} is applied`, ({ pending }) => pending.length === 0);
    stage.say(`all copies are ${version}, and nothing is left to apply`);
    await stage.pause(3);
  }
});
