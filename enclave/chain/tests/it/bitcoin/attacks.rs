//! Rule C1, attacked: each row tampers with a good PSBT in one way and names the refusal.
