"""What a control plane and its kubelets do by themselves: react to written objects, later."""
