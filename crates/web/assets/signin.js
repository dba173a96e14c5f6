// Passkeys and wallets: asks the hub what to ask, asks the device, brings the answer back.

const post = async (path, body) => {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const told = await answer.json();
  if (!answer.ok) {
    const { message, hint } = told.error;
    throw new Error(hint ? `${message}; ${hint}` : message);
  }
  return told;
};

const makePasskey = async (ceremony) => {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(ceremony.options);
  const made = await navigator.credentials.create({ publicKey });
  return { word: ceremony.word, answer: made.toJSON() };
};

const askPasskey = async (ceremony) => {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(ceremony.options);
  const found = await navigator.credentials.get({ publicKey });
  return { word: ceremony.word, answer: found.toJSON() };
};

const askWallet = async () => {
  const wallet = window.ethereum;
  if (!wallet) {
    throw new Error("this browser has no wallet; install one, or use a passkey");
  }
  const [address] = await wallet.request({ method: "eth_requestAccounts" });
  const chain = Number.parseInt(await wallet.request({ method: "eth_chainId" }), 16);
  const { text } = await post("/api/v1/signin/wallet/ask", { address, chain, domain: location.host });
  const bytes = new TextEncoder().encode(text);
  const hex = `0x${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  const signature = await wallet.request({ method: "personal_sign", params: [hex, address] });
  return { text, signature };
};

const deviceName = () => navigator.userAgentData?.platform || navigator.platform || "this device";

const ways = {
  passkey: async () => post("/api/v1/signin/passkey", await askPasskey(await post("/api/v1/signin/passkey/ask", {}))),
  wallet: async () => post("/api/v1/signin/wallet", await askWallet()),
  join: async (form, button) => {
    const fields = new FormData(form);
    const handle = fields.get("handle").trim();
    const invitation = fields.get("invitation") || undefined;
    if (button?.value === "wallet") {
      return post("/api/v1/signin/wallet", { ...(await askWallet()), handle, invitation });
    }
    const ceremony = await post("/api/v1/signin/join/ask", { handle, invitation });
    return post("/api/v1/signin/join", { ...(await makePasskey(ceremony)), name: deviceName() });
  },
  "add-passkey": async () => {
    const ceremony = await post("/api/v1/ways/passkeys/ask", {});
    return post("/api/v1/ways/passkeys", { ...(await makePasskey(ceremony)), name: deviceName() });
  },
  "add-wallet": async () => post("/api/v1/ways/wallets", await askWallet()),
};

const say = (error) => {
  if (error.name === "NotAllowedError") {
    return "The device was not used, or turned it down. Try again.";
  }
  if (error.name === "InvalidStateError") {
    return "This device has a passkey for the account already.";
  }
  return `${error.message[0].toUpperCase()}${error.message.slice(1)}.`;
};

for (const form of document.querySelectorAll("form[data-signin]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const status = form.querySelector(".status");
    const buttons = form.querySelectorAll("button");
    for (const button of buttons) button.disabled = true;
    status.textContent = "Waiting for your device…";
    try {
      await ways[form.dataset.signin](form, event.submitter);
      status.textContent = "Done.";
      location.assign(form.dataset.next);
    } catch (error) {
      status.textContent = say(error);
      for (const button of buttons) button.disabled = false;
    }
  });
}
