// What receiving keeps for times without a connection goes when its person does.
globalThis.caches?.delete("receiving-offline").catch(() => {});
