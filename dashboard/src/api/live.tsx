import { useQuery, useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useMemo, useRef, useState } from "react";
import { serverPath } from "../base";
import { client, onSessionEnd, take } from "./client";
import { ENVIRONMENTS, Feed } from "./feed";
import { SharedStream } from "./sharing";
import type { News } from "./stream";

interface StreamState {
  /** Whether changes arrive by themselves. */
  readonly live: boolean;
  /** While they do not: until when what is shown is known to be current, in milliseconds since 1970. */
  readonly heardAt: number;
}

interface Live {
  readonly feed: Feed;
  readonly state: StreamState;
  readonly sessionEnded: boolean;
  readonly retry: () => void;
}

const LiveContext = createContext<Live | undefined>(undefined);

// While the stream is away, the list is read every few seconds; while it is there, a rare reading finds what no change
// announces: a right that was given or taken.
const POLL_MS = 5000;
const CHECK_MS = 60_000;
// How soon the page notices that another tab has signed in, whether or not somebody looks at this one.
const SESSION_MS = 2000;
const UP: StreamState = { live: true, heardAt: 0 };

/** Keeps the list current for everything below it, and knows whether that works and the session still holds. */
export function LiveProvider({ children }: { readonly children: ReactNode }) {
  const queries = useQueryClient();
  const [feed] = useState(() => new Feed(queries));
  const [state, setState] = useState(UP);
  const [sessionEnded, setSessionEnded] = useState(false);
  const stream = useRef<SharedStream>(undefined);

  useEffect(() => {
    let person: string | undefined;
    const hear = (news: News) => {
      if (news.kind === "change") {
        feed.apply(news.change);
      } else if (news.kind === "reset") {
        feed.reset();
      } else if (news.kind === "down") {
        feed.begin(true);
        setState({ live: false, heardAt: news.heardAt });
      } else if (news.kind === "hello") {
        if (person !== undefined && person !== news.name) {
          // Somebody else has signed in; nothing of what is here is theirs.
          location.reload();
        }
        person = news.name;
        feed.begin(news.resumed);
        setState(UP);
      }
    };
    const opened = new SharedStream({ url: serverPath("/api/v1/environments/stream"), onNews: hear });
    stream.current = opened;
    opened.open();
    return () => opened.close();
  }, [feed]);

  useEffect(() => onSessionEnd(() => setSessionEnded(true)), []);
  useEffect(() => {
    if (!sessionEnded) {
      return;
    }
    const check = async () => {
      const { response } = await client.GET("/api/v1/me").catch(() => ({ response: undefined }));
      if (response?.ok) {
        if (!state.live) {
          stream.current?.retry();
        }
        setSessionEnded(false);
        await queries.invalidateQueries();
      }
    };
    const look = () => {
      stream.current?.retry();
      void check();
    };
    if (state.live) {
      // Another tab may have signed in again: its stream speaks to us as well.
      void check();
    } else {
      stream.current?.rest();
    }
    window.addEventListener("focus", look);
    const timer = setInterval(check, SESSION_MS);
    return () => {
      window.removeEventListener("focus", look);
      clearInterval(timer);
    };
  }, [sessionEnded, state.live, queries]);

  // A refused stream does not say why; a request does, and finds an ended session.
  useEffect(() => {
    if (!state.live) {
      take(client.GET("/api/v1/me")).catch(() => undefined);
    }
  }, [state.live]);

  const value = useMemo(
    () => ({
      feed,
      state,
      sessionEnded,
      retry: () => {
        stream.current?.retry();
        void queries.invalidateQueries();
      },
    }),
    [feed, state, sessionEnded, queries],
  );
  return <LiveContext value={value}>{children}</LiveContext>;
}

export function useLive(): Live {
  const live = useContext(LiveContext);
  if (live === undefined) {
    throw new Error("useLive needs a LiveProvider above it");
  }
  return live;
}

/** Every environment that the person may open, by uid. */
export function useEnvironments() {
  const { feed, state, sessionEnded } = useLive();
  return useQuery({
    queryKey: ENVIRONMENTS,
    queryFn: ({ signal }) => feed.load(signal),
    structuralSharing: false,
    // What arrives by itself needs no second reading when a page is opened or a tab looked at.
    staleTime: state.live ? CHECK_MS : 0,
    refetchInterval: sessionEnded ? false : state.live ? CHECK_MS : POLL_MS,
    refetchIntervalInBackground: false,
  });
}
